import { pageHead } from "../ui/page.js";

export default {
  title: "Dead letters",
  open(params, outlet) {
    outlet.append(pageHead("Dead letters"));
    return () => {};
  },
};
