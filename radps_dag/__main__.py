"""`python -m radps_dag` is `radps-dag`."""

from radps_dag.cli import main

if __name__ == "__main__":
    main()
