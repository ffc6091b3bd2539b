/** Numbers as people read them. */

/** A share as a percentage. With a digit behind the point, what is not quite 0 or 100% does not look like it. */
export function percent(share: number | null | undefined, digits = 1): string {
  if (share === null || share === undefined || Number.isNaN(share)) return "–";
  const value = share * 100;
  if (digits === 0) return `${value.toFixed(0)}%`;
  if (value > 0 && value < 0.1) return "<0.1%";
  if (value > 99.9 && value < 100) return ">99.9%";
  return `${value.toFixed(value === 100 || value === 0 ? 0 : digits)}%`;
}

/** A difference of shares in points, with its sign. */
export function points(difference: number): string {
  const value = difference * 100;
  if (Math.abs(value) < 0.05) return "±0";
  return `${value > 0 ? "+" : "−"}${Math.abs(value).toFixed(1)}`;
}

export const count = (value: number): string => value.toLocaleString("en");

/** A text that is short enough for a chip or a title. */
export function short(text: string, most = 40): string {
  const points = [...text.replace(/\s+/g, " ").trim()];
  return points.length <= most ? points.join("") : `${points.slice(0, most - 1).join("")}…`;
}
