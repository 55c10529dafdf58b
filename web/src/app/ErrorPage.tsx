import { useRouter } from "@tanstack/react-router";
import { Button, Empty, Failure, Page } from "@/shared/ui";

/** A page that broke: the others still work. */
export function ErrorPage({ error }: { error: unknown }) {
  const router = useRouter();
  return (
    <Page title="This page broke">
      <Failure error={error} onRetry={() => void router.invalidate()} />
      <p className="text-soft">The other pages still work. If it happens again, please report what you did and the text above.</p>
    </Page>
  );
}

export function NotFound() {
  const router = useRouter();
  return (
    <Page title="Nothing lives here">
      <Empty icon="search" title="There is no such page" action={<Button look="primary" onClick={() => void router.navigate({ to: "/models" })}>To the providers</Button>}>
        The address may be mistyped, or what it named was removed.
      </Empty>
    </Page>
  );
}
