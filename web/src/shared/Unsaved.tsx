import { useBlocker } from "@tanstack/react-router";
import { type ReactNode, useCallback, useLayoutEffect, useRef } from "react";
import { Confirm } from "@/shared/ui/Dialog";

/**
 * Asks before a page is left whose changes are not saved. Returns the dialogue to be shown, and what to
 * call before the page itself goes elsewhere because the changes are saved or given up.
 */
export function useUnsaved(dirty: boolean, what: string): { dialogue: ReactNode; release: () => void } {
  const holds = useRef(dirty);
  useLayoutEffect(() => {
    holds.current = dirty;
  }, [dirty]);
  const blocks = useCallback(() => holds.current, []);
  const release = useCallback(() => {
    holds.current = false;
  }, []);
  const blocker = useBlocker({ shouldBlockFn: blocks, enableBeforeUnload: blocks, withResolver: true });
  const dialogue = (
    <Confirm
      title="Leave without saving?"
      act="Leave and lose them"
      open={blocker.status === "blocked"}
      onClose={() => blocker.reset?.()}
      onConfirm={() => blocker.proceed?.()}
    >
      <p>{what} are not saved.</p>
    </Confirm>
  );
  return { dialogue, release };
}
