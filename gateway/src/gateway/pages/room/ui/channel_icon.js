// A picture for each channel; one that is not known gets the picture of a message.

import { s } from "../lib/dom.js";

const PATHS = {
  email: "M3.5 6h17v12h-17zM4 6.500l8 6.5 8-6.5",
  sms: "M4 5h16v11H10l-4 4v-4H4z",
  push: "M12 4a5 5 0 0 0-5 5v4l-2 3h14l-2-3V9a5 5 0 0 0-5-5M10 19a2 2 0 0 0 4 0",
  webhook: "M9 8a3 3 0 1 1 4.5 2.600L16 15M8 13a3 3 0 1 0 2.5 4.500H16m0 0a3 3 0 1 0 0-2.500M12 9l-3.5 5",
  chat: "M5 5h10v8H9l-3 3v-3H5zM18 9h1v8h-1v3l-3-3h-4",
};

export function channelIcon(channel) {
  return s("svg.icon", { viewBox: "0 0 24 24", "aria-hidden": true }, s("path", { d: PATHS[channel] ?? PATHS.sms }));
}
