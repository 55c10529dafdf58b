import { useEffect } from "react";

/** Leave a mark in the browser's timeline, so that it can be measured how soon what is there. */
export function mark(name: string): void {
  performance.mark(`usage:${name}`);
}

/** Leave a mark whenever something is there anew; null while it is not. */
export function useMark(name: string, there: unknown): void {
  useEffect(() => {
    if (there !== null) mark(name);
  }, [name, there]);
}
