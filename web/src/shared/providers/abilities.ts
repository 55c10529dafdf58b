/** What models can do, in the order it is shown. */
export const abilities = ["streaming", "function_calling", "vision", "json_mode", "reasoning", "embeddings"] as const;

export type Ability = (typeof abilities)[number];

export const abilityNames: Record<Ability, string> = {
  streaming: "Streaming",
  function_calling: "Tools",
  vision: "Vision",
  json_mode: "JSON",
  reasoning: "Reasoning",
  embeddings: "Embeddings",
};
