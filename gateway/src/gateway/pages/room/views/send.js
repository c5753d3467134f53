import { pageHead } from "../ui/page.js";

export default {
  title: "Send",
  open(params, outlet) {
    outlet.append(pageHead("Send"));
    return () => {};
  },
};
