"""The tools of whoever writes a skill: seeing it work, checking it, having one drafted."""
