// Icons as paths of one line, 24 by 24. They only ever repeat what words beside them say.

import { s } from "../lib/dom.js";

const WEBHOOK = "M9 8a3 3 0 1 1 4.5 2.6L16 15M8 13a3 3 0 1 0 2.5 4.5H16m0 0a3 3 0 1 0 0-2.5M12 9l-3.5 5";
const PATHS = {
  pipeline: "M3 12h5m0 0 4-6h9M8 12l4 6h9M8 12h13",
  notifications: "M4 6h16M4 12h16M4 18h10",
  "dead-letters": "M4 8l8 6 8-6M4 6h16v12H4zM9 2l6 0",
  outbox: "M4 13v6h16v-6M12 15V4m0 0L8 8m4-4 4 4",
  send: "M21 3 10 14M21 3l-7 18-4-7-7-4z",
  users: "M16 20v-1a4 4 0 0 0-8 0v1M12 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M19 20v-1a4 4 0 0 0-2-3.500M17 4.500a3.5 3.5 0 0 1 0 6.5",
  providers: "M4 5h16v5H4zM4 14h16v5H4zM7.5 7.500h.01M7.5 16.500h.01",
  keys: "M14.5 9.5 21 3m-3 3 3 3M10 20a5 5 0 1 0 0-10 5 5 0 0 0 0 10",
  webhooks: WEBHOOK,
  activity: "M3 12h4l3 7 4-14 3 7h4",
  docs: "M6 3h9l4 4v14H6zM14 3v5h5M9 13h6M9 17h6",
  menu: "M4 7h16M4 12h16M4 17h16",
  theme: "M12 3v18M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18M12 7a5 5 0 0 1 0 10",
  keyboard: "M3 7h18v10H3zM7 11h.01M11 11h.01M15 11h.01M8 14h8",
  "channel-email": "M4 6h16v12H4zM4 7l8 6 8-6",
  "channel-sms": "M5 5h14v10H10l-4 4v-4H5z",
  "channel-push": "M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 21h4",
  "channel-chat": "M4 5h11v8H8l-4 3zM18 9h2v10l-3-2h-7v-1",
  "channel-webhook": WEBHOOK,
  empty: "M4 13h4l2 3h4l2-3h4M4 13l3-8h10l3 8v6H4z",
  failed: "M12 4 3 20h18zM12 10v4M12 17h.01",
  away: "M3 9a14 14 0 0 1 18 0M6.5 13a9 9 0 0 1 11 0M12 18h.01M4 3l16 18",
  paused: "M8 5v14M16 5v14",
  resume: "M7 4l12 8-12 8z",
  close: "M6 6l12 12M18 6 6 18",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  user: "M5 20a7 7 0 0 1 14 0M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8",
};

export function icon(name) {
  return s(
    "svg.icon",
    { viewBox: "0 0 24 24", "aria-hidden": true, focusable: "false" },
    s("path", { d: PATHS[name] ?? PATHS.empty }),
  );
}

/** A picture for a channel; one that is not known gets the picture of a message. */
export const channelIcon = (channel) => icon(`channel-${channel}` in PATHS ? `channel-${channel}` : "channel-sms");
