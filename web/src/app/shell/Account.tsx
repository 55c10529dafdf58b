import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { api, data } from "@/shared/lib/api";
import { useSession } from "@/shared/session";
import { Button, Icon, Menu } from "@/shared/ui";

const roles = { admin: "administrator", operator: "operator", viewer: "viewer" } as const;

/** Who is signed in, and the way out. */
export function Account() {
  const { name, role } = useSession();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const signOut = useMutation({
    mutationFn: () => data(api.DELETE("/api/session")),
    onSettled: () => {
      // What this person saw goes; whether somebody is signed in is asked again.
      queries.removeQueries({ predicate: (query) => query.queryKey[0] !== "session" });
      void queries.resetQueries({ queryKey: ["session"] });
    },
  });
  return (
    <Menu
      trigger={
        <Button look="quiet" small aria-label={`${name ?? ""}, ${roles[role]}`} icon={<Icon name="people" />}>
          <span className="max-w-32 truncate max-md:hidden">{name}</span>
        </Button>
      }
      acts={[
        { label: "Your account", icon: <Icon name="settings" size={16} />, onSelect: () => void navigate({ to: "/settings", search: { tab: "account" } }) },
        { label: "Sign out", icon: <Icon name="logout" size={16} />, onSelect: () => signOut.mutate() },
      ]}
    />
  );
}
