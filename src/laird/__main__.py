"""The command `laird`, and `python -m laird`."""

try:
    from laird.cli.app import main
except KeyboardInterrupt:
    # Somebody has changed their mind while the program was being loaded, which is no fault.
    raise SystemExit(130) from None

if __name__ == "__main__":
    main()
