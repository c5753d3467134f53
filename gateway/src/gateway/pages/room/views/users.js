import { pageHead } from "../ui/page.js";

export default {
  title: "Users",
  open(params, outlet) {
    outlet.append(pageHead("Users"));
    return () => {};
  },
};
