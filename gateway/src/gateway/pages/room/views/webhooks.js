import { pageHead } from "../ui/page.js";

export default {
  title: "Webhooks",
  open(params, outlet) {
    outlet.append(pageHead("Webhooks"));
    return () => {};
  },
};
