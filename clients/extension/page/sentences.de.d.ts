declare const catalogue: any;
export default catalogue;
