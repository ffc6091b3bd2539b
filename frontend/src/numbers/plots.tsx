/** Small plots as SVG, and tables where a table says more. Every plot has its figures as text, too. */

import { percent } from "../format";
import { useStrings } from "../i18n";
import { usePage } from "../context";
import type { Estimate, Numbers } from "../types";

const WIDTH = 300;

/** Ways of answering as dots with one standard error to either side. */
export function Worth({ estimate }: { estimate: Estimate }) {
  const t = useStrings();
  const { model } = usePage();
  const embedded = model.state?.ready.embedded ?? estimate.embedded;
  const rows = estimate.alternatives;
  const metric = t.numbers.metric[estimate.metric] ?? estimate.metric;
  if (rows.length === 0) {
    return <p class="faint">{estimate.pending ? (embedded < 1 ? t.numbers.worthWait(percent(embedded, 0)) : t.numbers.pending) : estimate.reason || t.numbers.worthNone}</p>;
  }
  const x = (value: number) => 104 + (WIDTH - 150) * Math.min(1, Math.max(0, value));
  const height = rows.length * 26 + 22;
  return (
    <figure>
      {estimate.use_rules !== null && <p class={`verdict ${estimate.use_rules ? "good" : "bad"}`}>{estimate.use_rules ? t.numbers.worthUsed : t.numbers.worthNotUsed}</p>}
      <svg class="plot" viewBox={`0 0 ${WIDTH} ${height}`} role="img" aria-label={t.numbers.caption(metric)}>
        {[0, 0.5, 1].map((tick) => (
          <g key={tick}>
            <line class="grid" x1={x(tick)} x2={x(tick)} y1={4} y2={height - 16} />
            <text class="tick" x={x(tick)} y={height - 4} text-anchor="middle">{percent(tick, 0)}</text>
          </g>
        ))}
        {rows.map((row, index) => {
          const y = 18 + index * 26;
          const [low, high] = [row.accuracy - row.error, row.accuracy + row.error];
          const both = row.name === "rules + labels";
          return (
            <g key={row.name} class={both ? "main" : ""}>
              <title>{`${row.name}: ${t.numbers.interval(percent(row.accuracy), percent(low), percent(high))}`}</title>
              <text class="name" x={0} y={y + 4}>{t.numbers.ways[row.name] ?? row.name}</text>
              <line class="range" x1={x(low)} x2={x(high)} y1={y} y2={y} />
              <circle class="dot" cx={x(row.accuracy)} cy={y} r={both ? 5 : 4} />
              <text class="value" x={WIDTH} y={y + 4} text-anchor="end">{percent(row.accuracy, 0)}</text>
            </g>
          );
        })}
      </svg>
      <figcaption>
        {t.numbers.caption(metric)} {estimate.reason ? t.server(estimate.reason) : null}
        {estimate.pending && ` ${embedded < 1 ? t.numbers.worthWait(percent(embedded, 0)) : t.numbers.pending}`}
      </figcaption>
    </figure>
  );
}

/** Labels alone at growing numbers of labels: mean and range. */
export function Curve({ points }: { points: Numbers["curve"] }) {
  const t = useStrings();
  const height = 130;
  const most = Math.max(...points.map((point) => point.labels));
  const low = Math.min(...points.map((point) => point.low));
  const high = Math.max(...points.map((point) => point.high));
  const [from, to] = [Math.max(0, low - 0.03), Math.min(1, high + 0.03)];
  const x = (labels: number) => 34 + (WIDTH - 46) * (labels / most);
  const y = (value: number) => height - 22 - (height - 32) * ((value - from) / Math.max(0.01, to - from));
  const line = points.map((point, index) => `${index ? "L" : "M"}${x(point.labels)},${y(point.value)}`).join("");
  const band = `${points.map((point, index) => `${index ? "L" : "M"}${x(point.labels)},${y(point.high)}`).join("")}${[...points].reverse().map((point) => `L${x(point.labels)},${y(point.low)}`).join("")}Z`;
  const said = points.map((point) => `${point.labels}: ${percent(point.value)}`).join(", ");
  return (
    <figure>
      <svg class="plot" viewBox={`0 0 ${WIDTH} ${height}`} role="img" aria-label={`${t.numbers.curve}. ${said}`}>
        {[from, (from + to) / 2, to].map((tick) => (
          <g key={tick}>
            <line class="grid" x1={34} x2={WIDTH - 8} y1={y(tick)} y2={y(tick)} />
            <text class="tick" x={30} y={y(tick) + 4} text-anchor="end">{percent(tick, 0)}</text>
          </g>
        ))}
        <path class="band" d={band} />
        <path class="curve" d={line} />
        {points.map((point) => (
          <g key={point.labels}>
            <circle class="dot" cx={x(point.labels)} cy={y(point.value)} r={3.5}><title>{`${point.labels}: ${percent(point.value)} (${percent(point.low)}–${percent(point.high)})`}</title></circle>
            <text class="tick" x={x(point.labels)} y={height - 6} text-anchor="middle">{point.labels}</text>
          </g>
        ))}
      </svg>
    </figure>
  );
}

/** Gold labels by what is said instead: a table, shaded by row. */
export function Confusion({ labels, matrix, of }: NonNullable<Numbers["confusion"]>) {
  const t = useStrings();
  return (
    <figure>
      <div class="scroll-x" tabIndex={0} role="region" aria-label={t.numbers.confusion}>
        <table class="confusion">
          <thead>
            <tr><td />{labels.map((label) => <th key={label} scope="col"><span>{label}</span></th>)}</tr>
          </thead>
          <tbody>
            {matrix.map((row, index) => {
              const sum = row.reduce((all, value) => all + value, 0);
              return (
                <tr key={labels[index]}>
                  <th scope="row">{labels[index]}</th>
                  {row.map((value, column) => (
                    <td key={column} class={index === column ? "hit" : value > 0 ? "miss" : ""} style={{ "--share": sum ? (value / sum).toFixed(3) : "0" }}>{value || <span class="faint">·</span>}</td>
                  ))}
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <figcaption>{t.numbers.confusionOf(t.server(of))}</figcaption>
    </figure>
  );
}
