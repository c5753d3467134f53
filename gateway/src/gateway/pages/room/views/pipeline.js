import { fill, h } from "../lib/dom.js";
import { live } from "../lib/live.js";
import { parts } from "../lib/parts.js";
import { link } from "../lib/router.js";
import { pageHead } from "../ui/page.js";
import { away, failed, loading } from "../ui/states.js";
import { acceptedStage, validationStage } from "./pipeline/accepting.js";
import { channelRow } from "./pipeline/channel.js";
import { Flow } from "./pipeline/flow.js";
import { outcomes } from "./pipeline/outcomes.js";

export default {
  title: "Pipeline",
  open(params, outlet) {
    const body = h("div.stack");
    fill(
      outlet,
      pageHead("Pipeline", {
        text: "The way of every notification, as it is now. Follow a number to the notifications behind it.",
        tools: [h("a.button.primary", { href: link("send") }, "Send one")],
      }),
      body,
    );
    let drawing = null;
    const show = () => {
      if (live.figures) {
        drawing ??= draw(body);
        drawing.update(live.figures, parts.providers);
      } else if (live.problem) fill(body, away(live.problem, () => live.refresh()));
      else if (live.refusal) fill(body, failed(live.refusal, () => live.refresh()));
      else fill(body, loading("Asking for the figures"));
    };
    const off = [live.on("state", show), parts.on("providers", show)];
    show();
    return () => {
      off.forEach((end) => end());
      drawing?.close();
    };
  },
};

function draw(body) {
  const accepted = acceptedStage();
  const validation = validationStage();
  const rows = new Map();
  const lanes = h("div.channels");
  const stage = h("div.pipeline", accepted.element, validation.element, lanes);
  const flow = new Flow(stage);
  const ends = outcomes();
  fill(body, stage, ends.element);

  function update(figures, providers) {
    accepted.update(figures);
    validation.update(figures);
    for (const { channel } of figures.channels) {
      if (!rows.has(channel)) {
        rows.set(channel, channelRow(channel));
        lanes.append(rows.get(channel).element);
      }
      rows.get(channel).update(figures, providers);
    }
    ends.update();
    flow.update([
      { from: accepted.element, to: validation.element, rate: validation.rate(figures) },
      ...[...rows.values()].flatMap((row) => row.connections(validation.element, figures, providers)),
    ]);
  }

  return { update, close: () => flow.close() };
}
