import { AlertDialog } from "@base-ui/react/alert-dialog";
import { Dialog as Base } from "@base-ui/react/dialog";
import { classes } from "@/shared/lib/classes";
import { Button, IconButton } from "../Button";
import type { BareDialogProps, ConfirmProps, DialogProps } from "../Dialog";
import { Icon } from "../Icon";

const backdrop = "fixed inset-0 z-40 bg-black/45 transition-opacity data-ending-style:opacity-0 data-starting-style:opacity-0";
const popup =
  "fixed top-1/2 left-1/2 z-50 flex max-h-[calc(100dvh-2rem)] w-[calc(100vw-2rem)] -translate-x-1/2 -translate-y-1/2 flex-col " +
  "rounded-card border border-line bg-raised shadow-2xl transition-all data-ending-style:opacity-0 data-starting-style:opacity-0";

export function DialogWindow({ title, note, open, onClose, children, actions, wide = false }: DialogProps) {
  return (
    <Base.Root open={open} onOpenChange={(wanted) => { if (!wanted) onClose(); }}>
      <Base.Portal>
        <Base.Backdrop className={backdrop} />
        <Base.Popup className={classes(popup, wide ? "max-w-3xl" : "max-w-lg")}>
          <header className="flex items-start justify-between gap-4 px-5 pt-4 pb-2">
            <div>
              <Base.Title className="text-lg font-semibold">{title}</Base.Title>
              {note !== undefined && <Base.Description className="text-sm text-soft">{note}</Base.Description>}
            </div>
            <Base.Close render={<IconButton name="Close"><Icon name="close" /></IconButton>} />
          </header>
          <div className="min-h-0 overflow-y-auto px-5 py-2">{children}</div>
          {actions !== undefined && <footer className="flex flex-wrap justify-end gap-2 px-5 pt-2 pb-4">{actions}</footer>}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

export function BareWindow({ title, open, onClose, children }: BareDialogProps) {
  return (
    <Base.Root open={open} onOpenChange={(wanted) => { if (!wanted) onClose(); }}>
      <Base.Portal>
        <Base.Backdrop className="fixed inset-0 z-40 bg-black/40" />
        <Base.Popup className="fixed top-24 left-1/2 z-50 w-[min(34rem,calc(100vw-2rem))] -translate-x-1/2 overflow-hidden rounded-card border border-line bg-raised shadow-2xl">
          <Base.Title className="sr-only">{title}</Base.Title>
          {children}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

export function ConfirmWindow({ title, children, act, open, busy = false, onConfirm, onClose }: ConfirmProps) {
  return (
    <AlertDialog.Root open={open} onOpenChange={(wanted) => { if (!wanted) onClose(); }}>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className={backdrop} />
        <AlertDialog.Popup className={classes(popup, "max-w-md px-5 py-4")}>
          <AlertDialog.Title className="text-lg font-semibold">{title}</AlertDialog.Title>
          <AlertDialog.Description render={<div />} className="mt-2 text-soft">
            {children}
          </AlertDialog.Description>
          <footer className="mt-4 flex justify-end gap-2">
            <Button onClick={onClose}>Cancel</Button>
            <Button look="danger" busy={busy} onClick={onConfirm}>
              {act}
            </Button>
          </footer>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
