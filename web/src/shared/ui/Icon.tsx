/** The icons of the dashboard: one stroke width, one size, drawn on a grid of 24. */
const paths = {
  home: "M3 11l9-8 9 8M5 9.5V21h14V9.5",
  models: "M12 3l8 4.5v9L12 21l-8-4.5v-9L12 3zM4 7.5l8 4.5 8-4.5M12 12v9",
  catalog: "M4 5h16M4 12h16M4 19h10",
  calculator: "M6 3h12v18H6zM9 7h6M9 12h.01M12 12h.01M15 12h.01M9 16h.01M12 16h3",
  failover: "M4 7h10a4 4 0 010 8H8M8 11l-4 4 4 4M4 7l0 0",
  usage: "M4 20V10M10 20V4M16 20v-8M21 20H3",
  key: "M15 9a4 4 0 11-4-4 4 4 0 014 4zM13.5 11.5L21 19M18 16l-2 2M20 18l-2 2",
  budget: "M12 3v18M16.5 7.5C16 6 14.3 5 12 5c-2.800 0-4.500 1.400-4.500 3.300 0 4.700 9 2.300 9 7.200 0 2-1.900 3.500-4.500 3.500-2.500 0-4.200-1-4.700-2.700",
  routing: "M6 4v6a4 4 0 004 4h4a4 4 0 014 4v2M6 4l-3 3M6 4l3 3M18 20l-3-3M18 20l3-3",
  activity: "M3 12h4l3-8 4 16 3-8h4",
  audit: "M7 3h8l4 4v14H7zM15 3v4h4M10 12h6M10 16h6",
  settings: "M12 15.200a3.200 3.200 0 100-6.400 3.200 3.200 0 000 6.400zM19 12l2-1-1-3-2.300.300-1.500-1.500L16.500 4.500l-3-1L12 5.500 10.500 3.500l-3 1 .300 2.300L6.300 8.300 4 8l-1 3 2 1-2 1 1 3 2.300-.300 1.500 1.500-.300 2.300 3 1 1.500-2 1.500 2 3-1-.300-2.300 1.500-1.500 2.300.300 1-3z",
  people: "M9 11a4 4 0 100-8 4 4 0 000 8zM2 21a7 7 0 0114 0M17 4a4 4 0 010 7M22 21a6 6 0 00-4-5.700",
  lock: "M6 11h12v10H6zM8.500 11V7.500a3.500 3.500 0 017 0V11",
  shield: "M12 3l8 3v6c0 5-3.500 8-8 9-4.500-1-8-4-8-9V6z",
  search: "M11 18a7 7 0 100-14 7 7 0 000 14zM16 16l5 5",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  check: "M5 12.500l4.500 4.500L19 7.500",
  close: "M6 6l12 12M18 6L6 18",
  up: "M12 19V5M6 11l6-6 6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  chevron: "M6 9l6 6 6-6",
  grip: "M9 6h.01M15 6h.01M9 12h.01M15 12h.01M9 18h.01M15 18h.01",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 14h10l1-14M10 11v6M14 11v6",
  edit: "M4 20h4L19 9l-4-4L4 16zM13.500 6.500l4 4",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  refresh: "M20 11a8 8 0 00-14.500-4L3 9.500M3 4v5.500h5.500M4 13a8 8 0 0014.500 4L21 14.500M21 20v-5.500h-5.500",
  sun: "M12 17a5 5 0 100-10 5 5 0 000 10zM12 1v2M12 21v2M4.200 4.200l1.400 1.400M18.400 18.400l1.400 1.400M1 12h2M21 12h2M4.200 19.800l1.400-1.400M18.400 5.600l1.400-1.400",
  moon: "M20 14.500A8.500 8.500 0 119.500 4 7 7 0 0020 14.500z",
  bell: "M18 16V11a6 6 0 10-12 0v5l-2 2h16zM10 21h4",
  alert: "M12 4l9 16H3zM12 10v4M12 17h.01",
  info: "M12 21a9 9 0 100-18 9 9 0 000 18zM12 11v5M12 8h.01",
  external: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  menu: "M4 6h16M4 12h16M4 18h16",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  keyboard: "M3 6h18v12H3zM7 10h.01M11 10h.01M15 10h.01M8 14h8",
  download: "M12 4v11M7 11l5 5 5-5M4 20h16",
  upload: "M12 20V9M7 13l5-5 5 5M4 4h16",
  play: "M7 4l13 8-13 8z",
  pause: "M8 5v14M16 5v14",
  stop: "M7 7h10v10H7z",
  eye: "M2 12s3.500-7 10-7 10 7 10 7-3.500 7-10 7-10-7-10-7zM12 15a3 3 0 100-6 3 3 0 000 6z",
  hidden: "M3 3l18 18M10.600 5.200A10 10 0 0112 5c6.500 0 10 7 10 7a17 17 0 01-3 3.700M6.600 6.800C3.700 8.600 2 12 2 12s3.500 7 10 7a9.600 9.600 0 004.500-1.100M9.900 9.900a3 3 0 004.200 4.200",
  logout: "M10 4H5v16h5M15 8l4 4-4 4M19 12H9",
  server: "M4 4h16v7H4zM4 13h16v7H4zM8 7.500h.01M8 16.500h.01",
  cloud: "M7 18a4.500 4.500 0 01-.500-9A6 6 0 0118 9.500 4 4 0 0118 18z",
  bolt: "M13 2L4 14h7l-1 8 9-12h-7z",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg
      aria-hidden="true"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth={1.8}
      strokeLinecap="round"
      strokeLinejoin="round"
      className="shrink-0"
    >
      <path d={paths[name]} />
    </svg>
  );
}
