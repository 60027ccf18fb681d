"""The innermost loops of the solvers and the columns in C, for arrays of this machine's memory.

A face in Python for each file in C. Where they cannot be compiled, and on a GPU, the callers do the
same with the functions that torch and NumPy share (:func:`gasnet3.kernels.library.compiled`).
"""
