import { SignIn } from "@/features/entrance/SignIn";
import { SessionProvider, useWho } from "@/shared/session";
import { Failure } from "@/shared/ui";
import { Shell } from "./shell/Shell";

/** The shell for those who are signed in, the way in for the others. */
export function Gate() {
  const who = useWho();
  if (who.isPending) return null;
  if (who.data === undefined) {
    return (
      <div className="mx-auto max-w-xl px-4 py-16">
        <Failure error={who.error} onRetry={() => void who.refetch()} />
      </div>
    );
  }
  if (who.data.role == null) return <SignIn setupNeeded={who.data.setup_needed} />;
  return (
    <SessionProvider who={who.data}>
      <Shell />
    </SessionProvider>
  );
}
