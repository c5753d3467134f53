import { del, segment } from "../../lib/api.js";
import { confirm } from "../../ui/dialog.js";
import { toast } from "../../ui/toast.js";

/** Ask, then let an address be sent to again. */
export async function release(channel, address, done) {
  const sure = await confirm({
    title: "Send to this address again?",
    text: `${address} gets messages by ${channel} again. Who complained or opted out may complain again, and providers count complaints.`,
    action: "Release",
    isDangerous: true,
  });
  if (!sure) return;
  await del(`/suppressions/${segment(channel)}/${segment(address)}`);
  toast(`${address} is sent to again.`);
  await done();
}
