import { pageHead } from "../ui/page.js";

export default {
  title: "Pipeline",
  open(params, outlet) {
    outlet.append(pageHead("Pipeline"));
    return () => {};
  },
};
