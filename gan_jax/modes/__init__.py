"""What the command line can do, one module or package per mode."""
