"""What a person sees while writing rules and labels: the project on disk, and what its rules do, as they are typed. No HTTP."""
