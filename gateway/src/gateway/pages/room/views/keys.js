import { pageHead } from "../ui/page.js";

export default {
  title: "Keys",
  open(params, outlet) {
    outlet.append(pageHead("Keys"));
    return () => {};
  },
};
