import { useState } from "react";
import { type Asked, curlOf, pythonOf, scriptOf } from "@/shared/lib/snippets";
import { Code } from "@/shared/ui/Copy";
import { Tabs } from "@/shared/ui/Tabs";

type Language = "curl" | "python" | "javascript";

/** How to ask a model, in three languages, to be copied. */
export function Snippets({ asked }: { asked: Asked }) {
  const [tab, setTab] = useState<Language>("curl");
  return (
    <Tabs
      name="Language"
      value={tab}
      onChange={setTab}
      tabs={[
        { id: "curl", label: "curl", content: <Code label="curl" text={curlOf(asked)} /> },
        { id: "python", label: "Python", content: <Code label="Python, with the openai package" text={pythonOf(asked)} /> },
        { id: "javascript", label: "JavaScript", content: <Code label="JavaScript, with the openai package, as ask.mjs" text={scriptOf(asked)} /> },
      ]}
    />
  );
}
