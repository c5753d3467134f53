import { pageHead } from "../ui/page.js";

export default {
  title: "Notifications",
  open(params, outlet) {
    outlet.append(pageHead("Notifications"));
    return () => {};
  },
};
