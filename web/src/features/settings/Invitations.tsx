import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, data } from "@/shared/lib/api";
import { moment } from "@/shared/lib/format";
import { Badge, Button, Card, Failure, tell } from "@/shared/ui";

const kinds: Record<string, string> = { invite: "invitation", reset: "another password", setup: "first administrator" };

/** Links that are out and were not followed yet. */
export function Invitations() {
  const queries = useQueryClient();
  const links = useQuery({ queryKey: ["invitations"], queryFn: () => data(api.GET("/api/invitations")) });
  const takeBack = useMutation({
    mutationFn: (id: string) => data(api.DELETE("/api/invitations/{link_id}", { params: { path: { link_id: id } } })),
    onSuccess: () => {
      tell("The link is worthless now", "good");
      void queries.invalidateQueries({ queryKey: ["invitations"] });
    },
    onError: (error) => tell("The link was not taken back", "bad", error.message),
  });
  if (links.isError) return <Failure error={links.error} onRetry={() => void links.refetch()} />;
  const listed = links.data?.invitations ?? [];
  if (listed.length === 0) return null;
  return (
    <Card title="Links that are out" note="Nobody has followed them yet." flush>
      <ul aria-label="Links that are out">
        {listed.map((link) => (
          <li key={link.id} className="flex items-center justify-between gap-4 border-t border-line px-5 py-3">
            <div className="min-w-0">
              <p className="flex flex-wrap items-center gap-2 font-medium">
                {link.name ?? "whoever follows it"} <Badge>{link.role}</Badge> <Badge>{kinds[link.kind] ?? link.kind}</Badge>
              </p>
              <p className="text-sm text-soft">
                from {link.created_by}, good until {moment(link.expires_us / 1000)}
              </p>
            </div>
            <Button
              small
              aria-label={`Take back the link for ${link.name ?? link.role}`}
              busy={takeBack.isPending && takeBack.variables === link.id}
              onClick={() => takeBack.mutate(link.id)}
            >
              Take back
            </Button>
          </li>
        ))}
      </ul>
    </Card>
  );
}
