import { buttonClasses, Card, Copy, Icon } from "@/shared/ui";
import { type Asked, queryText } from "./search";

/** The ledger's rows behind the page, as a file. */
export function ExportCard({ asked }: { asked: Asked }) {
  const path = (format: string) => `/api/usage/export?${queryText(asked)}&format=${format}`;
  const curl = `curl -H "Authorization: Bearer $LAIRD_API_KEY" "${location.origin}${path("csv")}" -o usage.csv`;
  return (
    <Card title="Export" note="Every call of this time that fits the filters: one row each, times in UTC.">
      <div className="flex flex-wrap gap-2">
        <a href={path("csv")} download className={buttonClasses("plain", true)}>
          <Icon name="download" size={15} />
          CSV
        </a>
        <a href={path("jsonl")} download className={buttonClasses("plain", true)}>
          <Icon name="download" size={15} />
          JSON lines
        </a>
        <Copy text={curl} label="Copy as curl" />
      </div>
    </Card>
  );
}
