export * from "./OpenMenu";
export * from "./OpenPopover";
export * from "./ToastCorner";
export * from "./windows";
