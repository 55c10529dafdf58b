import { Button } from "@/shared/ui";
import type { Problem } from "./documents";

/** What is wrong with a document, line by line. */
export function Problems({ problems, onLine }: { problems: readonly Problem[]; onLine?: (line: number) => void }) {
  return (
    <ul className="flex flex-col gap-2">
      {problems.map((problem, place) => {
        const { line } = problem;
        return (
          <li key={place} className="flex flex-wrap items-baseline gap-x-3 gap-y-1">
            {line !== null &&
              (onLine === undefined ? (
                <span className="text-soft">Line {line}</span>
              ) : (
                <Button small onClick={() => onLine(line)}>
                  Line {line}
                </Button>
              ))}
            <span className="min-w-0 break-words">
              {problem.path !== "" && <code className="mr-2">{problem.path}</code>}
              {problem.message} {problem.fix}
            </span>
          </li>
        );
      })}
    </ul>
  );
}
