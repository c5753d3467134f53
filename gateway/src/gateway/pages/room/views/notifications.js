import { openList } from "./notifications/list.js";
import { openOne } from "./notifications/one.js";

export default {
  title: ({ path }) => (path.length ? `Notification ${path[0].slice(0, 8)}` : "Notifications"),
  open(params, outlet) {
    return params.path.length ? openOne(params.path[0], outlet) : openList(params, outlet);
  },
};
