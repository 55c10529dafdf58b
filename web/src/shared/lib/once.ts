import { useState } from "react";

/** False until something was wanted for the first time, and true from then on. */
export function useOnce(wanted: boolean): boolean {
  const [was, setWas] = useState(wanted);
  if (wanted && !was) setWas(true);
  return was || wanted;
}
