import { Toast } from "@base-ui/react/toast";
import { useEffect } from "react";
import { classes } from "@/shared/lib/classes";
import { IconButton } from "../Button";
import { Icon } from "../Icon";
import type { ShowToast } from "../Toasts";

const manager = Toast.createToastManager();

const show: ShowToast = ({ title, tone, description }) => {
  manager.add({
    title,
    ...(description === undefined ? {} : { description }),
    type: tone,
    timeout: tone === "bad" ? 0 : 6000,
  });
};

const edges: Record<string, string> = { info: "border-l-accent", good: "border-l-good", warn: "border-l-warn", bad: "border-l-bad" };

function Shown() {
  const { toasts } = Toast.useToastManager();
  return toasts.map((toast) => (
    <Toast.Root
      key={toast.id}
      toast={toast}
      className={classes(
        "flex items-start gap-3 rounded-control border border-l-4 border-line bg-raised py-3 pr-2 pl-4 shadow-lg transition-all",
        "data-ending-style:opacity-0 data-starting-style:translate-y-2 data-starting-style:opacity-0",
        edges[toast.type ?? "info"],
      )}
    >
      <Toast.Content className="min-w-0 grow">
        <Toast.Title className="font-medium" />
        <Toast.Description className="text-sm break-words text-soft" />
      </Toast.Content>
      <Toast.Close render={<IconButton name="Close this message"><Icon name="close" size={16} /></IconButton>} />
    </Toast.Root>
  ));
}

/** Where toasts are shown; says how to show one when it is there, and is told nothing before. */
export function ToastCorner({ onThere }: { onThere: (show: ShowToast) => () => void }) {
  // The provider's own effects, which let it hear the manager, have run before this one.
  useEffect(() => onThere(show), [onThere]);
  return (
    <Toast.Provider toastManager={manager} limit={4}>
      <Toast.Portal>
        <Toast.Viewport className="fixed right-4 bottom-4 z-60 flex w-[min(24rem,calc(100vw-2rem))] flex-col gap-2">
          <Shown />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}
