import type { components } from "@/client/schema";
import { moment } from "@/shared/lib/format";
import { Button, Code, Dialog } from "@/shared/ui";

export type LinkMade = components["schemas"]["LinkMade"];

const own = (host: string): boolean => ["localhost", "127.0.0.1", "[::1]"].includes(host);

/** The link as others can follow it: the server may know itself only by the name of its own machine. */
export function linkOf(link: Pick<LinkMade, "url" | "path">, here: string = location.origin): string {
  return own(new URL(link.url).hostname) && !own(new URL(here).hostname) ? `${here}${link.path}` : link.url;
}

/** A link that works once, this once. */
export function NewLink({ link, onClose }: { link: LinkMade; onClose: () => void }) {
  const whom = link.name ?? "the person";
  return (
    <Dialog
      title={link.kind === "reset" ? `Another password for ${whom}` : "The invitation"}
      note="This is the only time the link is shown. Send it to nobody else: whoever opens it first comes in."
      open
      wide
      onClose={onClose}
      actions={
        <Button look="primary" onClick={onClose}>
          I have kept it
        </Button>
      }
    >
      <div className="flex flex-col gap-3 py-1">
        <Code label="Link" text={linkOf(link)} />
        <p className="text-soft">
          It works once, until {moment(link.expires_us / 1000)}.{" "}
          {link.kind === "reset" ? "Until then the present password is good; using the link ends all their sessions." : `Who follows it has the role ${link.role}.`}
        </p>
      </div>
    </Dialog>
  );
}
