"""Google's Gemini API (`generateContent`), for keys of Google AI Studio."""
