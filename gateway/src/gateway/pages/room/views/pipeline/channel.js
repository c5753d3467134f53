// A channel's row: its delivery lanes, and its providers in the order in which they are tried.

import { h, keyed, set, setText } from "../../lib/dom.js";
import { oldest, seriesOf, total } from "../../lib/history.js";
import { parts } from "../../lib/parts.js";
import { link } from "../../lib/router.js";
import { clock, duration } from "../../lib/time.js";
import { channelIcon } from "../../ui/icons.js";
import { RETRYING, countText } from "../../ui/head.js";
import { draw, sparkline } from "../../ui/sparkline.js";
import { rateText, setBar } from "./accepting.js";
import { pauseButton } from "./pausing.js";
import { providerChip, stateOf } from "./provider.js";

const QUIET = 0.05; // messages a second; below that nothing is seen to flow

export function channelRow(channel) {
  const card = deliveryCard(channel);
  const chips = h("ol.providers", { "aria-label": `Providers of ${channel}` });
  const unknown = h("p.small.muted", "No dispatcher answers: how its providers are is not known.");
  const element = h("div.channel", card.element, h("div.channel-providers", chips, unknown));
  const ofChannel = (figures) => figures.lanes.filter((lane) => lane.channel === channel);
  const state = (figures) => figures.channels.find((each) => each.channel === channel);
  const ofProviders = (providers) => providers?.channels.find((each) => each.channel === channel)?.providers ?? [];

  return {
    element,
    update(figures, providers) {
      card.update(ofChannel(figures), state(figures), ofProviders(providers).some((each) => stateOf(each).isUsable));
      unknown.hidden = providers !== null || !parts.isKnown;
      const shown = ofProviders(providers).map((provider, at) => ({ ...provider, place: at + 1 }));
      keyed(chips, shown, { key: ({ place, name }) => `${place} ${name}`, ...providerChip });
    },
    connections(from, figures, providers) {
      const { is_paused: isPaused } = state(figures);
      const rate = total(ofChannel(figures), "per_second") ?? 0;
      const known = ofProviders(providers);
      const working = known.findIndex((provider) => stateOf(provider).isUsable);
      return [
        { from, to: card.element, rate: isPaused ? 0 : rate },
        ...[...chips.children].map((chip, at) => ({
          from: card.element,
          to: chip,
          rate: at === working && rate > QUIET && !isPaused ? rate : 0,
          isClosed: isPaused || !stateOf(known[at] ?? {}).isUsable,
        })),
      ];
    },
  };
}

function deliveryCard(channel) {
  const numbers = {
    waiting: numberLink("waiting", link("notifications", { status: "validated", channel })),
    in_flight: numberLink("in flight", link("notifications", { status: "sending", channel })),
    delayed: numberLink("retrying", link("notifications", { status: "retrying", channel })),
  };
  const rate = h("span.rate");
  const age = h("span.muted");
  const line = sparkline();
  const priorities = h("span.priorities");
  const bar = h("span.bar", { "aria-hidden": true });
  const paused = h("p.paused-line", { hidden: true });
  const pause = pauseButton(channel);
  const heading = h("h3", channelIcon(channel), h("a", { href: link("notifications", { channel }) }, channel));
  const element = h(
    "section.stage.delivery",
    { "aria-label": `Delivery by ${channel}` },
    h("header", heading, rate, pause.element),
    h("div.delivery-numbers", Object.values(numbers).map(({ element: each }) => each), line),
    paused,
    h("p.small.muted.delivery-foot", priorities, age),
    bar,
  );
  return {
    element,
    update(lanes, { is_paused: isPaused, paused_at: at }, isTried) {
      // What no provider takes is not tried, and keeps the status that it had.
      set(numbers.delayed.element, { href: link("notifications", { status: isTried ? "retrying" : "validated", channel }), title: RETRYING });
      for (const [name, number] of Object.entries(numbers)) number.update(total(lanes, name));
      const waiting = total(lanes, "waiting") ?? 0;
      setText(rate, rateText(total(lanes, "per_second")));
      setText(priorities, lanes.map((lane) => `${lane.priority} ${countText(lane.waiting)}`).join(" · "));
      const seconds = oldest(lanes);
      setText(age, seconds === null ? "" : `oldest ${duration(seconds)}`);
      draw(line, seriesOf(`depth ${channel}`));
      setBar(bar, waiting);
      set(element, { dataset: { paused: isPaused, busy: waiting > 0 } });
      paused.hidden = !isPaused;
      if (isPaused) setText(paused, `Paused${at ? ` since ${clock(at)}` : ""}: nothing is lost, all of it waits.`);
      pause.update(isPaused, waiting);
    },
  };
}

function numberLink(label, href) {
  const value = h("strong", "–");
  const element = h("a.number-link", { href }, value, " ", h("span", label));
  return {
    element,
    update(count) {
      setText(value, countText(count));
      element.dataset.tone = label === "retrying" && count ? "retry" : "";
      element.classList.toggle("zero", !count);
    },
  };
}
