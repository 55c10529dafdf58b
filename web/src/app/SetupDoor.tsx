import { Navigate, useNavigate, useSearch } from "@tanstack/react-router";
import { Welcome } from "@/features/entrance/Welcome";
import { useWho } from "@/shared/session";
import { Gate } from "./Gate";

/** `/setup`: with a token the way in for whoever has a link, without one the assistant. */
export function SetupDoor() {
  // Every page asks for it before its code is here; taken up, it is known when the door opens.
  useWho();
  const { token } = useSearch({ from: "/setup" });
  const navigate = useNavigate();
  if (token !== undefined) {
    return <Welcome token={token} onDone={(first) => void navigate(first ? { to: "/setup", search: {} } : { to: "/" })} />;
  }
  return <Navigate to="/setup/assistant" replace />;
}

/** `/invite` and `/reset`: the way in for whoever was given a link by an administrator. */
export function LinkDoor() {
  useWho();
  const { token } = useSearch({ strict: false });
  const navigate = useNavigate();
  return <Welcome token={token ?? ""} onDone={() => void navigate({ to: "/" })} />;
}

export { Gate };
