"""The hands: each carries out the actions of one world. The interpreter orders the steps, and a hand makes one of them so."""
