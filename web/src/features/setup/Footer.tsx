import type { ReactNode } from "react";
import { Button } from "@/shared/ui";

interface FooterProps {
  onBack?: (() => void) | undefined;
  /** Goes on without doing anything. */
  onSkip?: (() => void) | undefined;
  children: ReactNode;
}

/** The way back, past and on, at the end of each step. */
export function Footer({ onBack, onSkip, children }: FooterProps) {
  return (
    <footer className="flex flex-wrap items-center justify-end gap-2">
      {onBack !== undefined && (
        <span className="mr-auto">
          <Button onClick={onBack}>Back</Button>
        </span>
      )}
      {onSkip !== undefined && (
        <Button look="quiet" onClick={onSkip}>
          Skip this step
        </Button>
      )}
      {children}
    </footer>
  );
}
