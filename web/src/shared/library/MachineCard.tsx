import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { bytes } from "@/shared/lib/format";
import { Card } from "@/shared/ui/Card";
import { Meter } from "@/shared/ui/Meter";
import { Failure, Skeleton } from "@/shared/ui/States";
import { type Machine, machineQuery } from "./data";
import { memory, systemName } from "./words";

function Figure({ name, value, children }: { name: string; value: string; children?: ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="text-sm text-soft">{name}</dt>
      <dd>
        <p className="font-semibold tabular-nums">{value}</p>
        {children}
      </dd>
    </div>
  );
}

function gpuWords(machine: Machine): string {
  if (machine.gpus.length === 0) return "None found";
  return machine.gpus.map((gpu) => (gpu.total > 0 ? `${gpu.name}, ${memory(gpu.total)}` : gpu.name)).join("; ");
}

function Figures({ machine }: { machine: Machine }) {
  const { memory: ram, disk_total: disk, disk_free: free } = machine;
  const idle = machine.gpus.filter((gpu) => !gpu.usable);
  return (
    <dl className="grid grid-cols-2 gap-x-6 gap-y-4 lg:grid-cols-4">
      <Figure name="Memory" value={ram.total > 0 ? `${memory(ram.available)} free of ${memory(ram.total)}` : "Unknown"}>
        {ram.total > 0 && <Bar name="Memory in use" share={1 - ram.available / ram.total} />}
      </Figure>
      <Figure name="Disk" value={disk > 0 ? `${bytes(free)} free of ${bytes(disk)}` : "Unknown"}>
        {disk > 0 && <Bar name="Disk in use" share={1 - free / disk} />}
      </Figure>
      <Figure name="Processors" value={String(machine.processors)}>
        <p className="text-sm text-soft">{systemName(machine)}</p>
      </Figure>
      <Figure name="GPU" value={gpuWords(machine)}>
        <p className="text-sm text-soft">
          {machine.gpus.length === 0 ? "Models run on the processors" : idle.length > 0 ? "The installed llama.cpp can't use it" : "Models use it"}
        </p>
      </Figure>
    </dl>
  );
}

function Bar({ name, share }: { name: string; share: number }) {
  return (
    <div className="mt-1.5 max-w-48">
      <Meter name={name} share={Math.min(share, 0.999)} words={`${Math.round(share * 100)}%`} />
    </div>
  );
}

/** What this machine has, how large models may be here, and what is kept where. */
export function MachineCard({ title = "This machine" }: { title?: string }) {
  const machine = useQuery(machineQuery);
  if (machine.isError && machine.data === undefined) return <Failure error={machine.error} onRetry={() => void machine.refetch()} />;
  return (
    <Card title={title} note={machine.data?.advice}>
      {machine.data === undefined ? (
        <Skeleton lines={3} />
      ) : (
        <>
          <Figures machine={machine.data} />
          <p className="mt-4 text-sm wrap-anywhere text-soft">
            {machine.data.models === 0 ? "No model" : machine.data.models === 1 ? "1 model" : `${machine.data.models} models`}
            {machine.data.models > 0 && `, ${bytes(machine.data.models_bytes)},`} in <code>{machine.data.folder}</code>
          </p>
        </>
      )}
    </Card>
  );
}
