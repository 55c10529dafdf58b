import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useMay } from "@/shared/session";
import { Confirm } from "@/shared/ui/Dialog";
import { Switch } from "@/shared/ui/Field";
import { chainsQuery, chainsWith, type Provider, useSwitch } from "./data";

/** Switches a provider on and off; asks first when chains would lose it. */
export function ProviderSwitch({ provider, label }: { provider: Provider; label?: string }) {
  const may = useMay("operator");
  const chains = useQuery({ ...chainsQuery, enabled: may });
  const change = useSwitch();
  const [asking, setAsking] = useState(false);
  const needing = chainsWith(chains.data?.chains, provider.id);
  const locked = provider.overridden.includes("enabled");
  const put = (enabled: boolean) => change.mutate({ provider, enabled });
  return (
    <>
      <span title={locked ? "An environment variable decides whether it is on." : undefined} className="inline-flex">
        <Switch
          bare={label === undefined}
          label={label ?? `${provider.name} is on`}
          checked={provider.enabled}
          disabled={!may || locked}
          onChange={(wanted) => (!wanted && needing.length > 0 ? setAsking(true) : put(wanted))}
        />
      </span>
      <Confirm
        title={`Switch ${provider.name} off?`}
        act="Switch off"
        open={asking}
        onClose={() => setAsking(false)}
        onConfirm={() => {
          setAsking(false);
          put(false);
        }}
      >
        <p>
          {needing.length === 1 ? "A failover chain uses it" : `${needing.length} failover chains use it`}:{" "}
          <strong className="text-ink">{needing.map((chain) => chain.name).join(", ")}</strong>. Its steps are passed over while it is off.
        </p>
      </Confirm>
    </>
  );
}
