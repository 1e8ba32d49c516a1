"""Expression measures that cost no label, from pixels alone."""
import numpy as np
from jaxtyping import Float, Float32, UInt8
class Measurer:
    """stub"""
    def __call__(self, greys: UInt8[np.ndarray, "n s s"], times: Float[np.ndarray, "n"]) -> Float32[np.ndarray, "n m"]:
        """stub"""
        return np.zeros((len(greys), 5), np.float32)
