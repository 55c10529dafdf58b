import { Link, useRouterState } from "@tanstack/react-router";
import { useMay } from "@/shared/session";
import { rememberSetup, useSetupMemory } from "@/shared/setup";
import { Icon, IconButton } from "@/shared/ui";

/** Leads back to a setup that was begun and left. */
export function Unfinished() {
  const { open } = useSetupMemory();
  const may = useMay("operator");
  const there = useRouterState({ select: (state) => state.location.pathname.startsWith("/setup") });
  if (!open || !may || there) return null;
  return (
    <div className="flex items-center justify-center gap-2 bg-accent-soft px-4 py-1 text-sm">
      <p>
        The setup is not finished.{" "}
        <Link to="/setup/assistant" className="font-medium text-accent underline">
          Go on with it
        </Link>
      </p>
      <IconButton name="Leave the setup" onClick={() => rememberSetup({ open: false })}>
        <Icon name="close" size={15} />
      </IconButton>
    </div>
  );
}
