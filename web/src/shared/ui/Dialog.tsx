import { lazy, type ReactNode, Suspense } from "react";
import { useOnce } from "@/shared/lib/once";
import { overlays } from "./later";

const DialogWindow = lazy(async () => ({ default: (await overlays()).DialogWindow }));
const BareWindow = lazy(async () => ({ default: (await overlays()).BareWindow }));
const ConfirmWindow = lazy(async () => ({ default: (await overlays()).ConfirmWindow }));

export interface DialogProps {
  title: string;
  note?: ReactNode;
  open: boolean;
  onClose: () => void;
  children: ReactNode;
  /** Buttons at its foot. */
  actions?: ReactNode;
  wide?: boolean;
}

export function Dialog(props: DialogProps) {
  const needed = useOnce(props.open);
  return (
    needed && (
      <Suspense>
        <DialogWindow {...props} />
      </Suspense>
    )
  );
}

export interface BareDialogProps {
  /** For screen readers alone. */
  title: string;
  open: boolean;
  onClose: () => void;
  children: ReactNode;
}

/** One without a head or buttons, near the top of the page. */
export function BareDialog(props: BareDialogProps) {
  const needed = useOnce(props.open);
  return (
    needed && (
      <Suspense>
        <BareWindow {...props} />
      </Suspense>
    )
  );
}

export interface ConfirmProps {
  title: string;
  children: ReactNode;
  /** What the button says: the act, not "OK". */
  act: string;
  open: boolean;
  busy?: boolean;
  onConfirm: () => void;
  onClose: () => void;
}

/** Asks before something that can't easily be undone. */
export function Confirm(props: ConfirmProps) {
  const needed = useOnce(props.open);
  return (
    needed && (
      <Suspense>
        <ConfirmWindow {...props} />
      </Suspense>
    )
  );
}
