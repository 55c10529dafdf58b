import { askEarly } from "@/features/usage/early";
import { readUsageSearch } from "@/features/usage/search";
import { queries } from "./app/queries";
import "./styles.css";

// What this page will show is asked for before the code that shows it is even read. The router asks for the same
// when it has found out where it is; asked for is it once.
if (location.pathname === "/models/usage") void askEarly(queries, readUsageSearch(Object.fromEntries(new URLSearchParams(location.search))));

void import("./main");
