// How many segments a text takes as an SMS; the server counts in the same way
// (notification_contracts.sms_size, after 3GPP TS 23.038 and 23.040).

const BASIC = new Set("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà");
const EXTENDED = new Set("\f^{}\\[~]|€");
const PLACES = { "GSM-7": [160, 153], "UCS-2": [70, 67] };

/** {encoding, segments} of a text. */
export function smsSize(text) {
  const characters = [...text];
  const isGsm = characters.every((each) => BASIC.has(each) || EXTENDED.has(each));
  const encoding = isGsm ? "GSM-7" : "UCS-2";
  const widths = characters.map((each) => (isGsm ? (EXTENDED.has(each) ? 2 : 1) : each.length));
  const [whole, part] = PLACES[encoding];
  if (widths.reduce((sum, width) => sum + width, 0) <= whole) return { encoding, segments: 1 };
  let segments = 1;
  let used = 0;
  for (const width of widths) {
    used += width;
    if (used > part) {
      segments += 1;
      used = width;
    }
  }
  return { encoding, segments };
}
