import { moment, percent, usd } from "@/shared/lib/format";
import { allowance, type Budget, holder, resetWords, shareOf, usedWords } from "@/shared/money/budgets";
import { Badge, Icon, IconButton, Menu, Meter, type MenuAct, type Tone } from "@/shared/ui";

const acts: Record<Budget["on_limit"], { word: string; says: string; tone: Tone }> = {
  refuse: { word: "Refuses", says: "A request without room is refused, unless a free model can serve it.", tone: "neutral" },
  local: { word: "Goes local", says: "Where there is no room, free local models answer.", tone: "accent" },
  warn: { word: "Only warns", says: "Requests are served all the same; alerts tell.", tone: "warn" },
};

function Figure({ name, children }: { name: string; children: string }) {
  return (
    <div>
      <dt className="text-sm text-soft">{name}</dt>
      <dd className="font-medium tabular-nums">{children}</dd>
    </div>
  );
}

/** What of it nobody can promise, and what to do about it. */
function Slack({ of }: { of: Budget }) {
  const { slack } = of;
  if (slack.bounded || of.on_limit === "warn") return null;
  const most = slack.nano === null ? "by an answer of any length" : `by up to ${usd(slack.nano / 1e9)} for each request under way`;
  return (
    <details className="text-sm text-soft">
      <summary className="cursor-pointer">It may be overshot {most}</summary>
      <p className="mt-1 break-words">
        Nobody limits the answers of {slack.models.map((model, place) => <span key={model}>{place > 0 && ", "}<code>{model}</code></span>)}. Write <code>maxTokens</code> at {slack.models.length === 1 ? "it" : "them"} in the configuration, and it holds to the last unit.
      </p>
    </details>
  );
}

interface CardProps {
  budget: Budget;
  may: boolean;
  busy: boolean;
  onChange: () => void;
  onSwitch: () => void;
  onRemove: () => void;
}

/** One budget: how far it is used, what is left, and when it begins anew. */
export function BudgetCard({ budget, may, busy, onChange, onSwitch, onRemove }: CardProps) {
  const act = acts[budget.on_limit];
  const menu: MenuAct[] = [
    { label: "Change", icon: <Icon name="edit" size={15} />, onSelect: onChange },
    { label: budget.enabled ? "Switch off" : "Switch on", icon: <Icon name="bolt" size={15} />, disabled: busy, onSelect: onSwitch },
    { label: "Remove", icon: <Icon name="trash" size={15} />, danger: true, onSelect: onRemove },
  ];
  const over = budget.projected_nano !== null && budget.projected_nano > budget.limit_nano;
  return (
    <article aria-label={`Budget ${budget.name}`} className="flex min-w-0 flex-col gap-3 rounded-card border border-line bg-surface px-5 py-4">
      <header className="flex items-start justify-between gap-3">
        <div className="min-w-0">
          <h2 className="text-lg font-semibold break-words">{budget.name}</h2>
          <p className="text-sm break-words text-soft">
            {holder(budget)}, {allowance(budget)}
          </p>
        </div>
        {may && <Menu trigger={<IconButton name={`What to do with ${budget.name}`}><Icon name="more" /></IconButton>} acts={menu} />}
      </header>
      <p className="flex flex-wrap gap-1">
        {!budget.enabled && <Badge tone="warn" title="It counts what is spent, and is in nobody’s way.">Off</Badge>}
        <Badge tone={act.tone} title={act.says}>{act.word}</Badge>
        {budget.percent >= 100 && <Badge tone="bad">Used up</Badge>}
        {budget.percent < 100 && over && <Badge tone="warn">Will not last</Badge>}
        {budget.refused > 0 && <Badge tone="bad" title="Attempts not made since Laird was started because there was no room.">{`${budget.refused} held back`}</Badge>}
      </p>
      <div>
        <p className="mb-1 flex items-baseline justify-between gap-3">
          <span className="text-xl font-semibold tabular-nums">{percent(shareOf(budget), budget.percent < 10 ? 1 : 0)}</span>
          <span className="text-sm text-soft tabular-nums">
            {usd(budget.spent_usd)} of {usd(budget.limit_usd)}
          </span>
        </p>
        <Meter
          name={`Used of ${budget.name}`}
          share={shareOf(budget)}
          held={budget.limit_nano === 0 ? 0 : budget.reserved_nano / budget.limit_nano}
          words={usedWords(budget)}
          marks={budget.alerts.map((alert) => alert / 100)}
        />
      </div>
      <dl className="grid grid-cols-3 gap-3">
        <Figure name="Left">{usd(budget.remaining_usd)}</Figure>
        <Figure name="Held now">{usd(budget.reserved_usd)}</Figure>
        <Figure name="At this pace">{budget.projected_usd === null ? "–" : usd(budget.projected_usd)}</Figure>
      </dl>
      <p className="text-sm text-soft">
        {resetWords(budget)}. {budget.resets_us === null ? `It counts from ${moment(budget.starts_us / 1000)}. ` : ""}
        Alerts at {[...budget.alerts.filter((alert) => alert !== 100), 100].join(", ")}%.
      </p>
      <Slack of={budget} />
    </article>
  );
}
