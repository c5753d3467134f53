import { pageHead } from "../ui/page.js";

export default {
  title: "Outbox",
  open(params, outlet) {
    outlet.append(pageHead("Outbox"));
    return () => {};
  },
};
