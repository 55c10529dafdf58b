import { useMutation } from "@tanstack/react-query";
import { duration } from "@/shared/lib/format";
import { Button, Icon } from "@/shared/ui";

interface Answer {
  choices?: { message?: { content?: string | null } }[];
  error?: { message?: string };
}

interface Tried {
  text: string;
  /** Who answered, as `provider/model`. */
  by: string;
  took: number;
}

async function ask(model: string, apiKey: string): Promise<Tried> {
  const began = performance.now();
  const response = await fetch("/v1/chat/completions", {
    method: "POST",
    credentials: "omit",
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "Say hello in one sentence." }] }),
  });
  const answer = (await response.json()) as Answer;
  if (!response.ok) throw new Error(answer.error?.message ?? `Laird answered ${response.status}.`);
  const { headers } = response;
  return {
    text: answer.choices?.[0]?.message?.content ?? "",
    by: [headers.get("x-laird-provider"), headers.get("x-laird-model")].filter(Boolean).join("/"),
    took: performance.now() - began,
  };
}

/** Sends the same request from here, so that it is seen to work before it is copied. */
export function TryIt({ model, apiKey }: { model: string; apiKey: string }) {
  const go = useMutation({ mutationFn: () => ask(model, apiKey) });
  return (
    <div>
      <Button busy={go.isPending} icon={<Icon name="play" size={15} />} onClick={() => go.mutate()}>
        Send it now
      </Button>
      <div aria-live="polite">
        {go.isSuccess && (
          <figure className="mt-3 rounded-control border border-line bg-good-soft px-4 py-3">
            <blockquote className="break-words whitespace-pre-wrap">{go.data.text}</blockquote>
            <figcaption className="mt-1 text-sm text-soft">
              {go.data.by} in {duration(go.data.took)}
            </figcaption>
          </figure>
        )}
        {go.isError && <p className="mt-3 rounded-control bg-bad-soft px-4 py-3 break-words text-bad">{go.error.message}</p>}
      </div>
    </div>
  );
}
