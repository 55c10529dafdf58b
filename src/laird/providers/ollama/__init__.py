"""Ollama's own API, `/api/chat`, which its OpenAI interface only half covers."""
