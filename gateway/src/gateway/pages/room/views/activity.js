import { pageHead } from "../ui/page.js";

export default {
  title: "Activity",
  open(params, outlet) {
    outlet.append(pageHead("Activity"));
    return () => {};
  },
};
