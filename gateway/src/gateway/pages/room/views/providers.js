import { pageHead } from "../ui/page.js";

export default {
  title: "Providers",
  open(params, outlet) {
    outlet.append(pageHead("Providers"));
    return () => {};
  },
};
