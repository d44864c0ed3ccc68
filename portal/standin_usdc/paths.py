"""Where the stand-in answers, beside the paths that every facilitator has."""

NODE = "/rpc"
TRANSFERS = "/transfers/"  # the hash of a transaction follows
