import { useQuery } from "@tanstack/react-query";
import { useMay } from "@/shared/session";
import { Card, Code, Facts, Failure, Skeleton, Status } from "@/shared/ui";
import { type Document, documentQuery } from "./documents";
import { Editor } from "./Editor";
import { History } from "./History";
import { Problems } from "./Problems";

function InForce({ document }: { document: Document }) {
  const { problems, warnings } = document;
  return (
    <Card title="In force" flush>
      <Facts
        facts={[
          [
            "State",
            document.error === null ? (
              <Status key="state" tone="good">in force as the file has it</Status>
            ) : (
              <Status key="state" tone="bad">
                <span className="whitespace-normal">the file has an error; the last good document stays in force</span>
              </Status>
            ),
          ],
          ["File", <code key="file" className="break-all">{document.file}</code>],
          ["Revision", <code key="revision">{document.revision}</code>],
        ]}
      />
      {document.error !== null && (
        <div role="alert" className="mx-5 mb-5 rounded-control bg-bad-soft px-4 py-3">
          <p className="mb-2 font-medium">In the file</p>
          {problems.length > 0 ? <Problems problems={problems} /> : <p className="break-words whitespace-pre-wrap">{document.error}</p>}
          <p className="mt-2 text-sm text-soft">Mend the file, or save what is below: you will be shown what it replaces.</p>
        </div>
      )}
      {warnings.length > 0 && (
        <div className="mx-5 mb-5 rounded-control bg-warn-soft px-4 py-3">
          <p className="mb-1 font-medium">Warnings</p>
          <ul className="list-disc pl-5">
            {warnings.map((warning) => <li key={warning} className="break-words">{warning}</li>)}
          </ul>
        </div>
      )}
    </Card>
  );
}

/** The document: what is in force, changing it as text, and its history. */
export function Configuration() {
  const admin = useMay("admin");
  const shown = useQuery(documentQuery);
  if (shown.isPending) return <Skeleton lines={3} tall />;
  if (shown.isError) return <Failure error={shown.error} onRetry={() => void shown.refetch()} />;
  return (
    <div className="flex flex-col gap-5">
      <InForce document={shown.data} />
      {admin ? (
        <Editor document={shown.data} />
      ) : (
        <Card title="The document" note="An administrator can change it as a whole. Providers and chains have pages of their own.">
          <Code label={shown.data.file} text={shown.data.document} />
        </Card>
      )}
      <History document={shown.data} />
    </div>
  );
}
